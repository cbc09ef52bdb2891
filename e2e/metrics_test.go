package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/stamp"
)

// samples are the numbers of one reading of /metrics: name{label="value",…} to value; a histogram counts as name_count
// and name_sum.
type samples map[string]float64

// metricsURL finds where a server shows its metrics.
func (s *server) metricsURL(t testing.TB) string {
	t.Helper()
	found := regexp.MustCompile(`msg=metrics url=(\S+)`).FindStringSubmatch(s.log.String())
	if found == nil {
		t.Fatalf("no metrics: %s", s.log)
	}
	return found[1]
}

// scrape reads metrics as Prometheus does, and checks that every label is from a closed set.
func (s *server) scrape(t testing.TB) (samples, string) {
	t.Helper()
	response, err := http.Get(s.metricsURL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d %v %s", response.StatusCode, err, text)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	all := samples{}
	for name, family := range families {
		for _, m := range family.Metric {
			var labels []string
			for _, l := range m.Label {
				checkLabel(t, name, l.GetName(), l.GetValue())
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := name + "{" + strings.Join(labels, ",") + "}"
			if h := m.Histogram; h != nil {
				all["count "+key] = float64(h.GetSampleCount())
				all["sum "+key] = h.GetSampleSum()
				continue
			}
			all[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
		}
	}
	return all, string(text)
}

// checkLabel knows every value that a label of ours may have.
func checkLabel(t testing.TB, name, label, value string) {
	t.Helper()
	if !strings.HasPrefix(name, "redoubt_") {
		return // of the process: go_info, go_gc_duration_seconds
	}
	allowed := map[string][]string{
		"method":    {"prepare", "healthz", "attestation", "checkpoint", "tile", "unknown", "none"},
		"outcome":   {"ok", "other", "hit", "miss", "sent", "failed", "admitted", "refused"},
		"stage":     {"read", "policy", "broadcast", "commit", "records", "index", "commits", "hashes"},
		"role":      {"policy", "signer", "certifier"},
		"decision":  {"allowed", "denied"},
		"way":       {"passkey", "oidc", "email"},
		"algorithm": {"Ed25519", "Secp256k1", "Secp256k1Keccak256", "Secp256k1Schnorr", "Secp256r1"},
	}[label]
	switch label {
	case "method":
		for _, m := range api.Methods() {
			allowed = append(allowed, string(m))
		}
	case "outcome":
		allowed = append(allowed, api.Types()...)
	}
	if !slices.Contains(allowed, value) {
		t.Errorf("%s has the label %s=%q", name, label, value)
	}
}

const hostileName = "x\"} 1\nevil_total{a=\"b"

// evmSend asks for a transaction to be signed and broadcast.
func (o *tenant) evmSend(nonce string) object {
	return object{
		"organizationId": o.id, "walletId": o.wallet,
		"derivationInfo": object{"derivationPath": "m/44'/60'/0'/0/0", "curve": "Secp256k1", "addressFormat": "Ethereum"},
		"transaction": object{
			"kind": "EIP_1559", "chainId": 11155111, "nonce": nonce, "gasLimit": 21000, "maxFeePerGas": 1, "maxPriorityFeePerGas": 1,
			"to": "0x000000000000000000000000000000000000dEaD", "value": 1,
		},
		"submissionConfig": object{"chain": "ethereum", "network": "sepolia"},
	}
}

// hostile sends what strangers send: names, headers and paths of their own making.
func (o *tenant) hostile(t *testing.T, s *server) {
	t.Helper()
	b := body(hostileName, object{"organizationId": o.id}, time.Now())
	if a := o.root.call(t, hostileName, object{"organizationId": o.id}); a.kind != api.TypeUnknownMethod {
		t.Errorf("%d %s", a.status, a.raw)
	}
	status, _, err := s.raw(bytes.NewReader(b), func(r *http.Request) {
		r.Header.Set("X-Phantom-Stamp", stamp.SignEd25519(o.root.private, b))
		r.Header.Set("X-Rpc-Method", "evil-header")
		r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		r.Header.Set("User-Agent", "evil-agent")
	})
	if err != nil || status != 400 {
		t.Errorf("%d %v", status, err)
	}
	response, err := http.Get(s.url + "/evil-path/metrics")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if status, _, _, err := s.post("/kms/rpc", []byte(`{"method":"signTransaction"`), ""); err != nil || status != 400 {
		t.Errorf("half a body: %d %v", status, err)
	}
}

// TestMetricsMoveByWhatWasDone: a run of known requests, and what each of them moved.
func TestMetricsMoveByWhatWasDone(t *testing.T) {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":"0xabcdef"}`))
	}))
	defer node.Close()
	s := start(t, filepath.Join(t.TempDir(), "data"), "--metrics-addr", "127.0.0.1:0", "--rpc", "ethereum/sepolia="+node.URL)
	o := newTenant(t, s)
	before, _ := s.scrape(t)
	for _, text := range []string{"one", "two", "three"} {
		o.sign(t, text)
	}
	again := body("signUtf8Message", o.signParams("again"), time.Now())
	for range 3 {
		if a, err := o.root.send(again); err != nil || a.status != 200 {
			t.Fatal(a, err)
		}
	}
	o.root.must(t, "signTransaction", o.evmSend("0"), "transaction")
	stranger := newKey(s)
	if a := stranger.call(t, "getOrganization", object{"organizationId": o.id}); a.kind != api.TypeUnauthenticated {
		t.Errorf("%d %s", a.status, a.raw)
	}
	o.hostile(t, s)
	after, text := s.scrape(t)

	for name, want := range map[string]float64{
		"redoubt_requests_total{method=signUtf8Message,outcome=ok}":              6,
		"redoubt_requests_total{method=signTransaction,outcome=ok}":              1,
		"redoubt_requests_total{method=getOrganization,outcome=unauthenticated}": 1,
		"redoubt_requests_total{method=unknown,outcome=unknown-method}":          2,
		"redoubt_requests_total{method=unknown,outcome=malformed-request}":       1,
		"redoubt_requests_total{method=none,outcome=no-such-route}":              1,
		"count redoubt_request_seconds{method=signUtf8Message}":                  6,
		"count redoubt_stage_seconds{stage=read}":                                11,
		"count redoubt_stage_seconds{stage=policy}":                              11,
		"count redoubt_stage_seconds{stage=broadcast}":                           1,
		"count redoubt_stage_seconds{stage=commit}":                              5,
		"count redoubt_commit_entries{}":                                         5,
		"sum redoubt_commit_entries{}":                                           5,
		"count redoubt_commit_bytes{}":                                           5,
		"redoubt_broadcasts_total{outcome=sent}":                                 1,
		"redoubt_store_errors_total{stage=commit}":                               0,
		"redoubt_policy_decisions_total{decision=allowed}":                       5,
		"redoubt_policy_decisions_total{decision=denied}":                        0,
		"redoubt_policy_commits_total{}":                                         5,
		"redoubt_policy_repeated_requests_total{}":                               2,
		"redoubt_signer_signatures_total{algorithm=Ed25519}":                     4,
		"redoubt_signer_signatures_total{algorithm=Secp256k1Keccak256}":          1,
		"redoubt_signer_unsigned_total{}":                                        0,
		"redoubt_certifier_heads_total{}":                                        5,
		"redoubt_certifier_sign_ins_total{way=email}":                            0,
		"redoubt_certifier_key_fetches_total{outcome=failed}":                    0,
		"redoubt_head_index{}":                                                   5,
		"redoubt_log_entries{}":                                                  5,
	} {
		if _, there := after[name]; !there {
			t.Errorf("%s is missing", name)
		}
		if got := after[name] - before[name]; got != want {
			t.Errorf("%s moved by %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]float64{
		"redoubt_requests_in_flight{}": 0, "redoubt_enclave_up{role=policy}": 1, "redoubt_enclave_up{role=signer}": 1,
		"redoubt_enclave_up{role=certifier}": 1, "redoubt_policy_queue_entries{}": 0, "redoubt_signer_opened_wallets{}": 1,
		"redoubt_certifier_admissions_total{outcome=admitted}": 2,
	} {
		if got, there := after[name]; !there || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{
		"redoubt_head_age_seconds{}", "redoubt_policy_index_records{}", "redoubt_policy_index_bytes{}", "go_goroutines{}",
		"process_resident_memory_bytes{}", "redoubt_policy_record_cache_total{outcome=hit}", "redoubt_signer_seed_cache_total{outcome=hit}",
		"redoubt_policy_account_cache_total{outcome=miss}", "sum redoubt_commit_bytes{}",
	} {
		if after[name] <= 0 {
			t.Errorf("%s is %v", name, after[name])
		}
	}
	documented, err := os.ReadFile("../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range after {
		name, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(name, "count "), "sum "), "{")
		if strings.HasPrefix(name, "redoubt_") && !strings.Contains(string(documented), "`"+name+"`") {
			t.Errorf("deploy/README.md does not say what %s is", name)
		}
	}
	for _, secret := range []string{o.id, o.wallet, o.root.public(), "admin", "evil", "0xabcdef", "127.0.0.1", "dead", "sepolia"} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
			t.Errorf("the metrics tell %q", secret)
		}
	}
	if status, _, _, err := s.post("/metrics", nil, ""); err != nil || status != 404 {
		t.Errorf("metrics on the API: %d %v", status, err)
	}
}

// TestMetricsOfWhatIsTurnedAway: denials, limits and a signer that is gone.
func TestMetricsOfWhatIsTurnedAway(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"), "--metrics-addr", "127.0.0.1:0", "--rate-limit", "5")
	o := newTenant(t, s)
	member := newKey(s)
	o.root.must(t, "addUserToOrganization", object{"organizationId": o.id, "user": object{
		"username": "reader", "policy": object{"type": "CEL", "preset": "DENY_ALL"}, "authenticators": []object{member.authenticator("m")},
	}}, "organizationId")
	before, _ := s.scrape(t)
	counts := map[string]float64{}
	for range 12 {
		a := member.call(t, "getOrganization", object{"organizationId": o.id})
		counts[a.kind]++
	}
	after, _ := s.scrape(t)
	if counts[api.TypeRateLimited] == 0 || counts[api.TypeDenied] == 0 {
		t.Fatalf("%v", counts)
	}
	for kind, n := range counts {
		name := "redoubt_requests_total{method=getOrganization,outcome=" + kind + "}"
		if after[name]-before[name] != n {
			t.Errorf("%s moved by %v, want %v", name, after[name]-before[name], n)
		}
	}
	denied := "redoubt_policy_decisions_total{decision=denied}"
	if after[denied]-before[denied] != counts[api.TypeDenied] {
		t.Errorf("denials: %v, want %v", after[denied]-before[denied], counts[api.TypeDenied])
	}
}

// TestMetricsAddress: it is the API's never, and what is wrong is told before anything runs.
func TestMetricsAddress(t *testing.T) {
	for _, wrong := range [][]string{
		{"--addr", "127.0.0.1:18484", "--metrics-addr", "127.0.0.1:18484"}, {"--metrics-addr", "9090"},
	} {
		if code, out := redoubt(t, append([]string{"dev", "--data", filepath.Join(t.TempDir(), "d")}, wrong...)...); code != 2 || !strings.Contains(out, "metrics-addr") {
			t.Errorf("%v: %d %s", wrong, code, out)
		}
	}
}
