//go:build race

package strictjson_test

// hurry stretches time limits: the race detector makes everything slower.
const hurry = 20
