# What there is to do here. Each target works from a fresh clone with Go, gcc,
# make and git. What runs tests needs PostgreSQL, MariaDB and Redis as well: it
# takes those that run, or starts installed ones for itself, or installs them on
# Debian as root (see CONTRIBUTING.md).

GO      ?= go
FUZZTIME ?= 20s
COVER    ?= 80
SIEGE_RUNS ?= 50
RESTART ?= 1024

# Packages that are no part of the product: what a newcomer copies, and tests.
UNCOVERED = /(examples|docs|internal/(chinook|endure|lint|services|siege))(/|$$)

GOFUMPT     = mvdan.cc/gofumpt@v0.9.2
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.6.1

# Packages in which goroutines meet: tested with the race detector, those that take
# longest first.
RACE = ./sqlengine/... ./layer/... . ./client ./directory ./gateway/... ./internal/endure ./internal/goid ./migrate/lock ./node ./op/... ./p2p/... ./raftgroup/archive ./raftgroup/conn ./raftgroup/driver ./raftgroup/replica ./wire/...

# SQLite in Go works in memory that is not Go's, of which the race detector knows
# nothing: to look there would find nothing and takes five times as long.
RACED = -race -gcflags=modernc.org/sqlite/lib=-race=false

.PHONY: run build services test race lint fuzz bench cover siege

# What comes after it runs with the servers that tests work on.
SERVED = bin/services

run: build ## a running system on ./data: prints its address and what to try
	bin/weft dev

build: ## bin/weft
	$(GO) build -o bin/weft ./cmd/weft

services: # the command that finds or starts the servers that tests work on
	@$(GO) build -o bin/services ./internal/services/run

test: services ## the whole suite on real servers, with the race detector where goroutines meet
	$(SERVED) sh -uc 'passed=true; $(GO) test $(RACED) -timeout 40m $(RACE) || passed=false; \
		$(GO) test -timeout 30m $$($(GO) list ./... | grep -vxF "$$($(GO) list $(RACE))" | tr "\n" " ") || passed=false; $$passed'
	@test "$$(id -u)" = 0 && command -v ip >/dev/null && command -v iptables >/dev/null || echo "test: NOT TESTED: partitions and full disks of clusters (see Sieges in CONTRIBUTING.md)"
	@echo "test: every package passed"

race: services ## the whole suite with the race detector
	$(SERVED) $(GO) test $(RACED) -timeout 45m ./...
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
		WEFT_TEST_POSTGRES=$${WEFT_TEST_POSTGRES:-private} WEFT_TEST_MYSQL=$${WEFT_TEST_MYSQL:-private} ../$(SERVED) $(GO) run . -restart $(RESTART) -o ../docs/benchmarks.md -readme ../README.md

siege: ## clusters under attack for long: SIEGE_RUNS runs of 30 s and all the rest, as root with iproute2 and iptables
	WEFT_SIEGE_RUNS=$(SIEGE_RUNS) WEFT_SIEGE_DEATHS=20 WEFT_SIEGE_READS=60s WEFT_SIEGE_STEADY=10m WEFT_SIEGE_CONTROL=30s \
		$(GO) test -v -count=1 -timeout 180m ./internal/siege
	@echo "siege: nothing was lost"

cover: services ## how much of each package all tests together reach; fails under COVER per cent in total
	@mkdir -p bin
	@$(SERVED) $(GO) test -timeout 30m -coverpkg=$$(echo $$($(GO) list ./... | grep -vE '$(UNCOVERED)') | tr ' ' ,) \
		-coverprofile=bin/cover.out ./... >bin/cover.log 2>&1 || { cat bin/cover.log; exit 1; }
	@awk -v least=$(COVER) -f .ci/cover.awk bin/cover.out
