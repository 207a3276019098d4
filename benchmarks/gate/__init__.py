"""How often the gate is wrong, on the emulator's own pictures."""
