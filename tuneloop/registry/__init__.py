"""Models, their champions, and the decisions that made them so."""
