"""What training would take, before anything is trained."""
