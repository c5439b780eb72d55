# For packagers, and for those who type "make". Cargo does the work.

CARGO   ?= cargo
# Libraries that are built along have makefiles of their own, which must not see our DESTDIR.
BUILD   = env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u DESTDIR -u PREFIX $(CARGO)
PROFILE ?= dist
DESTDIR ?=
PREFIX  ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
DOCDIR  ?= $(PREFIX)/share/doc/haproxy

VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
BINARY  = target/$(PROFILE)/haproxy

.PHONY: all install check models reg-tests bench version clean

all:
	$(BUILD) build --profile $(PROFILE) --locked

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(DOCDIR)/examples
	install -m 755 $(BINARY) $(DESTDIR)$(SBINDIR)/haproxy
	install -m 644 README.md LICENSE doc/*.md $(DESTDIR)$(DOCDIR)/
	install -m 644 examples/*.cfg $(DESTDIR)$(DOCDIR)/examples/

check:
	./contrib/check/check

# Every order of steps of the idle connections: some seconds once loom is built. "contrib/check/models --full" and
# "--mutations" take a minute or two.
models:
	./contrib/check/models

reg-tests:
	$(BUILD) build --locked
	./reg-tests/run $${CARGO_TARGET_DIR:-target}/debug/haproxy

bench:
	./contrib/bench/bench

version:
	@echo $(VERSION)

clean:
	$(CARGO) clean
