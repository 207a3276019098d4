"""The record of every training, and the steps that make one payment one payment."""
