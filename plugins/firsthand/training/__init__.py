"""What runs inside veRL, and patches of upstream."""
