"""What a run tells while it goes on: its records, its progress, its loggers."""
