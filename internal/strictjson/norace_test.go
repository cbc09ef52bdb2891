//go:build !race

package strictjson_test

// hurry stretches time limits, for a machine that is busy with other tests.
const hurry = 4
