"""The report of a run: the page, its figures and tables, and what is gathered for it."""
