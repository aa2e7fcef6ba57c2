"""One network over several devices: AlexNet in its two towers, any chain of rows as a pipeline."""
