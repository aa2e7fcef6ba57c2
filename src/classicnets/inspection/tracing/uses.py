"""Which operations of a trace use which memory."""

from classicnets.inspection.tracing.trace import Operation, Trace


class Uses:
    """Which operations of a trace use which memory; views and what does not depend on the input are left out.

    Attributes:
        places: the indices of the operations that compute something from the input.
        by_storage: for each storage that depends on the input and is read, the indices of those that make, read or
            write it, in order.
        last: the index of the last of them; for what the trace returns that of the trace's last operation.
    """

    def __init__(self, trace: Trace) -> None:
        given = {value.storage for value in trace.inputs}
        dependent = _dependent(trace, given)
        returned = {value.storage for value in trace.outputs}
        self.places: list[int] = []
        used: dict[int, list[int]] = {}
        for place, operation in enumerate(trace.operations):
            touched = {value.storage for value in (*operation.inputs, *operation.outputs)} & dependent
            if not touched or is_view(operation):
                continue
            self.places.append(place)
            for storage in touched:
                used.setdefault(storage, []).append(place)
        self.by_storage = {
            storage: places
            for storage, places in used.items()
            if trace.storages[storage].held == "activation" and (len(places) > 1 or storage in returned)
        }
        end = len(trace.operations) - 1
        self.last = {storage: end if storage in returned else places[-1] for storage, places in self.by_storage.items()}


def is_view(operation: Operation) -> bool:
    """Whether it only looks at memory that was there, and leaves it as it was."""
    if operation.in_place:
        return False
    read = {value.storage for value in operation.inputs}
    return bool(operation.outputs) and all(value.storage in read for value in operation.outputs)


def _dependent(trace: Trace, given: set[int]) -> set[int]:
    """The storages whose numbers depend on the input."""
    found = set(given)
    for operation in trace.operations:
        if any(value.storage in found for value in operation.inputs):
            found.update(value.storage for value in operation.outputs)
    return found
