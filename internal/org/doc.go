// Package org is the state of an organization: its users, their authenticators and policies, and its wallets' records.
// An organization is one canonical record, so that nothing in it can be left out by whoever stores it. Values are
// immutable once read: a change makes a copy and returns it, or an error that says what is wrong with the request.
package org
