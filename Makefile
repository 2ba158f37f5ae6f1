# What there is to do here. Each target works from a fresh clone with Go, gcc,
# make and git; nothing else needs to be installed.

GO      ?= go
FUZZTIME ?= 20s
COVER    ?= 80

# Packages that are no part of the product: what a newcomer copies, and tests.
UNCOVERED = /(examples|docs|internal/(chinook|endure|lint))(/|$$)

GOFUMPT     = mvdan.cc/gofumpt@v0.9.2
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.6.1

# Packages in which goroutines meet: tested with the race detector.
RACE = . ./internal/endure ./internal/goid ./layer/... ./op/... ./sqlengine/... ./wire/...

.PHONY: run build test race lint fuzz bench cover

run: build ## a running system on ./data: prints its address and what to try
	bin/weft dev

build: ## bin/weft
	$(GO) build -o bin/weft ./cmd/weft

test: ## the whole suite, with the race detector where goroutines meet
	$(GO) test -race -timeout 30m $(RACE)
	$(GO) test -timeout 15m $$($(GO) list ./... | grep -vxF "$$($(GO) list $(RACE))")
	@echo "test: every package passed"

race: ## the whole suite with the race detector
	$(GO) test -race -timeout 45m ./...
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

bench: ## ratios to code written by hand and to other libraries, into docs/benchmarks.md
	cd bench && $(GO) generate ./... && $(GO) run . -o ../docs/benchmarks.md -readme ../README.md

cover: ## how much of each package all tests together reach; fails under COVER per cent in total
	@mkdir -p bin
	@$(GO) test -timeout 15m -coverpkg=$$(echo $$($(GO) list ./... | grep -vE '$(UNCOVERED)') | tr ' ' ,) \
		-coverprofile=bin/cover.out ./... >bin/cover.log 2>&1 || { cat bin/cover.log; exit 1; }
	@awk -v least=$(COVER) -f .ci/cover.awk bin/cover.out
