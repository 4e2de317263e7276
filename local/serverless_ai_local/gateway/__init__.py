"""HTTP APIs: routes, authorisation, throttles and the call of the function, as deployed."""
