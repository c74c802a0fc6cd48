// Package house holds the rules of the code base as tests: which package may
// import which (layers.txt), where third-party modules may stand (the wall),
// one package comment each, and how long files and functions may grow.
package house
