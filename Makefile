# Few words: demo, test, check, acceptance, mutation, soak, chaos, fuzz, bench, tcb, run, example.
SHELL := /bin/bash
export CGO_ENABLED := 0
GOFLAGS_BUILD := -trimpath -buildvcs=false
JS := e2e/js
EMBEDDED := examples/embedded
POSTGRES := /usr/lib/postgresql/15/bin/postgres
STRACE := /usr/bin/strace
CHROMIUM := /usr/bin/chromium
FUZZTIME ?= 1000000x
MUTANTS ?= 5000

.PHONY: demo test check acceptance mutation soak chaos fuzz bench tcb run example build clients unit js lint postgres chromium

demo: build clients ## an app on the public SDK: wallet, signatures, transfers on real chains
	@node $(JS)/demo.mjs

test: build clients unit js ## everything, with heavy acceptance lines as a sample

check: lint ## format, vet, lint, plan of the house, race detector
	CGO_ENABLED=1 go test -race ./...

acceptance: build clients bin/btcd ## the heavy lines in full (docs/acceptance.md); MUTANTS good and as many spoilt bodies for each method
	REDOUBT_ACCEPTANCE=full go test -count=1 -timeout 240m ./stamp/... ./chain/... ./internal/... ./proof/... ./host/... ./enclave/... ./e2e/...
	cd $(JS) && REDOUBT_ACCEPTANCE=full MUTANTS=$(MUTANTS) node --max-old-space-size=8192 --test --test-concurrency=1
	$(MAKE) mutation

mutation: clients ## break the code that decides, and see that its tests notice: at least 95 % of e2e/mutation/mutants
	go run ./e2e/mutation

soak: build ## an hour of steady load, after which nothing may have grown: SOAK_MINUTES, SOAK_RATE, SOAK_WALLETS, SOAK_POSTGRES
	@go build -o bin/ ./e2e/soak && bin/soak bin/redoubt

chaos: build postgres ## CHAOS_KILLS (200) deaths of every process under load, also of the database: nothing acknowledged is lost
	REDOUBT_ACCEPTANCE=full go test -count=1 -timeout 180m -v -run '^TestKilled' ./e2e

# Making an input smaller takes as many runs as the square of its bytes, up to a minute for each that is new: large ones would leave
# no time for anything else.
fuzz: ## every fuzz target, FUZZTIME each (a number of runs: a time limit sometimes fails for no reason)
	@set -e; for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1000x $$pkg; \
	  done; done

bench: ## benchmarks of the parts
	go test -run '^$$' -bench . -benchmem ./...

tcb: ## write the enclaves' lists of dependencies anew
	WRITE_TCB=1 go test -count=1 -run TestDependencyLists ./internal/arch

run: build ## the development server on ./data
	bin/redoubt dev --data data

example: build clients ## a page with an embedded wallet, and a server and a local chain beside it
	cd $(EMBEDDED) && npm start --silent

build: ## the binaries, into bin
	go build $(GOFLAGS_BUILD) -o bin/ ./cmd/...

unit: build postgres $(STRACE) ## Go tests
	go vet ./...
	go test -timeout 20m ./...

js: build clients bin/btcd $(CHROMIUM) ## the published clients against the real server
	cd $(JS) && npm test --silent

APT := $(if $(filter 0,$(shell id -u)),,sudo) env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300

postgres: $(POSTGRES) ## a real server for the tests

$(STRACE):
	$(APT) update && $(APT) install -y --no-install-recommends strace >/dev/null

chromium: $(CHROMIUM) ## the browser of the tests

$(CHROMIUM): # the browser of the tests
	$(APT) update && $(APT) install -y --no-install-recommends chromium >/dev/null

$(POSTGRES):
	$(APT) update && $(APT) install -y --no-install-recommends postgresql-15 >/dev/null

clients: $(JS)/node_modules/.installed $(EMBEDDED)/node_modules/.installed

%/node_modules/.installed: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund --silent
	@touch $@

bin/btcd: tools/btcd/go.mod
	cd tools/btcd && go build $(GOFLAGS_BUILD) -o ../../bin/btcd github.com/btcsuite/btcd

lint: bin/golangci-lint
	bin/golangci-lint run ./...

bin/golangci-lint: tools/go.mod
	cd tools && go build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
