# Short names for the commands in script/; each has --help or says what it does.
.DEFAULT_GOAL := help
.PHONY: help server test bench lint lock ci

help: ## Show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

server: ## Run everything on this machine
	script/server

test: ## Run all tests
	script/test

bench: ## Measure speed and size
	script/bench

lint: ## Check style, types, borders between packages and manifests
	script/lint

lock: ## Resolve the dependencies anew
	script/lock

ci: ## What continuous integration runs
	.ci/run
