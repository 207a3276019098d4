"""What moving data costs, beside what others would use and what the machine allows."""
