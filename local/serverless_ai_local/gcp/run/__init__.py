"""Cloud Run functions: processes under functions-framework, and the way in to them."""
