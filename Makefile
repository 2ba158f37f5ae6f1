# What there is to do here. Each target works from a fresh clone with Go, gcc,
# make and git. What runs tests needs PostgreSQL, MariaDB and Redis as well: it
# takes those that run, or starts installed ones for itself, or installs them on
# Debian as root (see CONTRIBUTING.md).

GO      ?= go
FUZZTIME ?= 20s
COVER    ?= 80

# Packages that are no part of the product: what a newcomer copies, and tests.
UNCOVERED = /(examples|docs|internal/(chinook|endure|lint|services))(/|$$)

GOFUMPT     = mvdan.cc/gofumpt@v0.9.2
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.6.1

# Packages in which goroutines meet: tested with the race detector.
RACE = . ./internal/endure ./internal/goid ./layer/... ./migrate/lock ./op/... ./p2p/... ./sqlengine/... ./wire/...

.PHONY: run build services test race lint fuzz bench cover

# What comes after it runs with the servers that tests work on.
SERVED = bin/services

run: build ## a running system on ./data: prints its address and what to try
	bin/weft dev

build: ## bin/weft
	$(GO) build -o bin/weft ./cmd/weft

services: # the command that finds or starts the servers that tests work on
	@$(GO) build -o bin/services ./internal/services/run

test: services ## the whole suite on real servers, with the race detector where goroutines meet
	$(SERVED) sh -ec '$(GO) test -race -timeout 40m $(RACE); \
		$(GO) test -timeout 30m $$($(GO) list ./... | grep -vxF "$$($(GO) list $(RACE))" | tr "\n" " ")'
	@echo "test: every package passed"

race: services ## the whole suite with the race detector
	$(SERVED) $(GO) test -race -timeout 45m ./...
	@echo "race: every package passed"

lint: ## form, vet, staticcheck, generated code, the import table, the documents
	@out=$$($(GO) run $(GOFUMPT) -l .); test -z "$$out" || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run ./cmd/weft generate ./examples/blog ./docs/snippets --check
	$(GO) test ./internal/lint
	@echo "lint: nothing to say"

fuzz: ## each fuzz target for FUZZTIME
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for f in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$dir/*_test.go); do \
			echo "== $$dir $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$dir; \
		done; \
	done
	@echo "fuzz: every target survived $(FUZZTIME)"

bench: services ## ratios to code written by hand and to other libraries, into docs/benchmarks.md
	cd bench && $(GO) generate ./... && \
		WEFT_TEST_POSTGRES=$${WEFT_TEST_POSTGRES:-private} WEFT_TEST_MYSQL=$${WEFT_TEST_MYSQL:-private} ../$(SERVED) $(GO) run . -o ../docs/benchmarks.md -readme ../README.md

cover: services ## how much of each package all tests together reach; fails under COVER per cent in total
	@mkdir -p bin
	@$(SERVED) $(GO) test -timeout 30m -coverpkg=$$(echo $$($(GO) list ./... | grep -vE '$(UNCOVERED)') | tr ' ' ,) \
		-coverprofile=bin/cover.out ./... >bin/cover.log 2>&1 || { cat bin/cover.log; exit 1; }
	@awk -v least=$(COVER) -f .ci/cover.awk bin/cover.out
