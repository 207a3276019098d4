"""The project: the folder of flows, blocks and deployments that a user owns."""
