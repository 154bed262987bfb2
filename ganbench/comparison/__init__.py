"""Two results side by side: what may be compared, what differs, and what a gate makes of it."""
