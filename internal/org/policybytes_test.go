package org_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
)

// The policies of all users together are bounded, however they come; what is there stays and can be made smaller.
func TestPolicyBytesAreBounded(t *testing.T) {
	long := org.Policy{Type: org.PolicyCEL, Rules: []org.Rule{{Expression: strings.Repeat("x", 60<<10), Outcome: org.OutcomeAllow}}}
	short := org.Policy{Type: org.PolicyCEL, Preset: org.PresetDenyAll}
	o := make1(t, user("root", org.PolicyRoot, key(1, 0, 0)), org.User{Username: "small", Policy: short})
	var err error
	for i := range 17 {
		if o, err = o.AddUser(org.User{Username: fmt.Sprint(i), Policy: long}, false, org.Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.AddUser(org.User{Username: "more", Policy: long}, false, org.Limits{}); kind(err) != api.TypeLimit {
		t.Errorf("another user: %v", err)
	}
	if _, err := o.UpdateUser("small", &long, nil, nil, 0); kind(err) != api.TypeLimit {
		t.Errorf("another policy: %v", err)
	}
	if _, err := org.Create(org.Organization{Users: append(o.Users, org.User{Username: "more", Policy: long})}, org.Limits{}); kind(err) != api.TypeLimit {
		t.Errorf("all at once: %v", err)
	}
	if _, err = o.UpdateUser("3", &short, nil, nil, 0); err != nil {
		t.Errorf("a smaller policy: %v", err)
	}
}
