"""What a launch would do and what a group needs next: decisions without I/O."""
