"""The reference harness, in the order of the flow. Pure: the world comes in through ports."""
