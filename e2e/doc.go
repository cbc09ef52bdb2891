// Package e2e holds the tests that drive the real binaries from outside: over HTTP as clients do, and through files and
// processes as a hostile host would. The folder js does the same with the published client packages.
package e2e
