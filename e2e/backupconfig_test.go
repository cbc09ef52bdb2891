package e2e_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/redoubt-kms/redoubt/host/store/postgres/postgrestest"
)

// The drill for a deployment of several programs: its ledger goes from a file to a new site's PostgreSQL, and on to a file
// again, since a backup holds commits and not tables. The operator's key is elsewhere.
func TestBackupByConfiguration(t *testing.T) {
	cluster, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrNone) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Remove() })
	name, err := cluster.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	identity, recipient := ageKey(t)
	first := newDeployment(t, "")
	do(t, "init", "--config", first.config)
	operator := filepath.Join(t.TempDir(), "operator.key")
	if err := os.Rename(filepath.Join(first.dir, "data", "keys", "operator.key"), operator); err != nil {
		t.Fatal(err)
	}
	s := first.launched(t)
	root := newKey(s)
	id := root.must(t, "createOrganization", object{
		"organizationName": "Org", "users": []object{{"username": "admin", "policy": object{"type": "ROOT"}, "authenticators": []object{root.authenticator("a")}}},
	}, "organizationId")
	o := &tenant{root: root, id: id}
	o.wallet = root.must(t, "createWallet", object{"organizationId": id, "walletName": "W"}, "walletId")
	signature := o.sign(t, "the same")
	do(t, "app", "add", "game", "--config", first.config, "--name", "The Game")

	from := first
	for _, to := range []*deployed{newDeployment(t, fmt.Sprintf("database = %q", address(t, cluster.DSN(name)))), newDeployment(t, "")} {
		backup := filepath.Join(t.TempDir(), "backup")
		if out := do(t, "backup", backup, "--config", from.config, "--recipient", recipient); strings.Contains(out, "operator") {
			t.Errorf("the operator's key is not here: %s", out)
		}
		if code, out := redoubt(t, "rebase", "--config", from.config, "--reason", "it runs", "--operator-key", operator); code != 1 || !strings.Contains(out, "stop the server first") {
			t.Errorf("a rebase while it runs: %d %s", code, out)
		}
		from.end()
		do(t, "restore", backup, "--config", to.config, "--identity", identity)
		if code, out := redoubt(t, "launch", "--config", to.config, "certifier"); code != 1 || !strings.Contains(out, "redoubt rebase") {
			t.Errorf("a certifier without an anchor: %d %s", code, out)
		}
		if code, out := redoubt(t, "rebase", "--config", to.config, "--reason", "moved"); code != 1 || !strings.Contains(out, "operator's key") {
			t.Errorf("a rebase without the operator's key: %d %s", code, out)
		}
		do(t, "rebase", "--config", to.config, "--reason", "moved", "--operator-key", operator)
		s = to.launched(t)
		if got := o.at(s).sign(t, "the same"); got != signature {
			t.Errorf("signature %s, before %s", got, signature)
		}
		if out := do(t, "log", "verify", "--url", s.url); !strings.Contains(out, `"moved"`) {
			t.Errorf("nothing tells of the rebase: %s", out)
		}
		if out := do(t, "app", "list", "--config", to.config); !strings.HasPrefix(out, "game ") {
			t.Errorf("apps: %s", out)
		}
		from = to
	}
}

// address writes a connection string as a URL, which the configuration wants.
func address(t *testing.T, dsn string) string {
	t.Helper()
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u := url.URL{Scheme: "postgres", User: url.User(c.User), Path: "/" + c.Database}
	u.RawQuery = url.Values{"host": {c.Host}, "port": {fmt.Sprint(c.Port)}}.Encode()
	return u.String()
}

// launched starts all programs of a deployment.
func (d *deployed) launched(t *testing.T) *server {
	t.Helper()
	for _, role := range []string{"certifier", "signer", "policy"} {
		d.spawn(t, role, "redoubt", "launch", "--config", d.config, role)
	}
	return d.serve(t)
}

// end kills all programs of a deployment.
func (d *deployed) end() {
	for name, p := range d.procs {
		_ = p.Process.Kill()
		_ = p.Wait()
		delete(d.procs, name)
	}
}
