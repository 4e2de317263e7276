.DEFAULT_GOAL := help
PYTHON ?= python3
help: ## List the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'
