package shelf

import "context"

// Lasting lists the kinds that a backup keeps: what people would miss. What was on its way when it was made is not among
// them, so that no code or refresh token that was spent since comes back.
func Lasting() []Kind { return []Kind{Apps, Credentials} }

// Importer fills a shelf from the rows of another one, all of them or none.
type Importer interface {
	// Add adds a row, at version 1.
	Add(ctx context.Context, k Kind, r Row) error
	// Finish makes all of it durable.
	Finish(ctx context.Context) error
	// Abort leaves things as they were.
	Abort()
}
