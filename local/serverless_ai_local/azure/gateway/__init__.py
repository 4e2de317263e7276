"""API Management on this machine: operations, subscription keys, and the policies that we emit."""
