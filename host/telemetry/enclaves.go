package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Counters asks the enclaves for their counters, when metrics are read and not otherwise.
type Counters interface {
	Counters(ctx context.Context) (wire.PolicyCounters, error)
}

// askBudget is how long the enclaves may take to answer.
const askBudget = 2 * time.Second

type enclaves struct{ source Counters }

// Describe says nothing, so that what Collect sends is taken as it comes.
func (e enclaves) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (e enclaves) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), askBudget)
	defer cancel()
	s := sink{out}
	c, err := e.source.Counters(ctx)
	s.up("policy", err == nil)
	if err != nil {
		return
	}
	s.up("signer", c.Signer != nil)
	s.up("certifier", c.Certifier != nil)
	s.policy(c)
	if c.Signer != nil {
		s.signer(*c.Signer)
	}
	if c.Certifier != nil {
		s.certifier(*c.Certifier)
	}
}

// sink writes metrics of one reading.
type sink struct{ out chan<- prometheus.Metric }

func (s sink) send(kind prometheus.ValueType, name, help string, value float64, label ...string) {
	var names, values []string
	if len(label) == 2 {
		names, values = label[:1], label[1:]
	}
	s.out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, value, values...)
}

func (s sink) count(name, help string, n uint64, label ...string) {
	s.send(prometheus.CounterValue, name, help, float64(n), label...)
}

func (s sink) gauge(name, help string, n uint64) {
	s.send(prometheus.GaugeValue, name, help, float64(n))
}

func (s sink) up(role string, answers bool) {
	value := 0.0
	if answers {
		value = 1
	}
	s.send(prometheus.GaugeValue, "redoubt_enclave_up", "Whether an enclave answers.", value, "role", role)
}

func (s sink) policy(c wire.PolicyCounters) {
	const decisions, cache = "Entries of the log by decision.", "Look-ups in a cache of the policy engine."
	s.count("redoubt_policy_decisions_total", decisions, c.Allowed, "decision", "allowed")
	s.count("redoubt_policy_decisions_total", decisions, c.Denied, "decision", "denied")
	s.count("redoubt_policy_commits_total", "Commits that were stored.", c.Commits)
	s.count("redoubt_policy_records_stored_total", "Records that commits changed.", c.Changed)
	s.count("redoubt_policy_repeated_requests_total", "Requests that were sent before and are answered alike.", c.Repeated)
	s.count("redoubt_policy_record_cache_total", cache, c.RecordHits, "outcome", "hit")
	s.count("redoubt_policy_record_cache_total", cache, c.RecordMisses, "outcome", "miss")
	s.count("redoubt_policy_account_cache_total", cache, c.AccountHits, "outcome", "hit")
	s.count("redoubt_policy_account_cache_total", cache, c.AccountMisses, "outcome", "miss")
	s.gauge("redoubt_policy_queue_entries", "Entries that wait for a commit.", c.Queued)
	s.gauge("redoubt_policy_index_records", "Records in the index.", c.Records)
	s.gauge("redoubt_policy_index_bytes", "Bytes of the index's items.", c.IndexBytes)
	s.gauge("redoubt_head_index", "Index of the newest stored head.", c.HeadIndex)
	s.gauge("redoubt_log_entries", "Entries in the log.", c.LogSize)
	age := time.Since(time.UnixMilli(int64(c.HeadTime))).Seconds()
	s.send(prometheus.GaugeValue, "redoubt_head_age_seconds", "Time since the certifier last vouched for the newest head.", max(age, 0))
}

func (s sink) signer(c wire.SignerCounters) {
	const signatures, cache = "Orders signed, by algorithm.", "Look-ups of opened wallets in the signer."
	s.count("redoubt_signer_signatures_total", signatures, c.Ed25519, "algorithm", "Ed25519")
	s.count("redoubt_signer_signatures_total", signatures, c.Secp256k1, "algorithm", "Secp256k1")
	s.count("redoubt_signer_signatures_total", signatures, c.Secp256k1Keccak256, "algorithm", "Secp256k1Keccak256")
	s.count("redoubt_signer_signatures_total", signatures, c.Secp256r1, "algorithm", "Secp256r1")
	s.count("redoubt_signer_signatures_total", signatures, c.Secp256k1Schnorr, "algorithm", "Secp256k1Schnorr")
	s.count("redoubt_signer_unsigned_total", "Orders that the signer did not sign.", c.Unsigned)
	s.count("redoubt_signer_seed_cache_total", cache, c.SeedHits, "outcome", "hit")
	s.count("redoubt_signer_seed_cache_total", cache, c.SeedMisses, "outcome", "miss")
	s.gauge("redoubt_signer_opened_wallets", "Wallets that the signer holds opened.", c.Held)
}

func (s sink) certifier(c wire.CertifierCounters) {
	const admissions = "Evidence of enclaves, by outcome."
	s.count("redoubt_certifier_anchors_total", "Times that the anchor moved.", c.Anchors)
	s.count("redoubt_certifier_heads_total", "Heads that the anchor moved along.", c.Heads)
	s.count("redoubt_certifier_receipts_total", "Receipts for heads, also those that only tell the time.", c.Receipts)
	s.count("redoubt_certifier_admissions_total", admissions, c.Admitted, "outcome", "admitted")
	s.count("redoubt_certifier_admissions_total", admissions, c.Refused, "outcome", "refused")
	s.logins(c)
}

func (s sink) logins(c wire.CertifierCounters) {
	const signed, keys = "People who signed in, by the way.", "Fetches of keys of issuers."
	s.count("redoubt_certifier_sign_ins_begun_total", "Challenges for people who sign in.", c.Begun)
	s.count("redoubt_certifier_sign_ins_total", signed, c.Passkeys, "way", "passkey")
	s.count("redoubt_certifier_sign_ins_total", signed, c.Outside, "way", "oidc")
	s.count("redoubt_certifier_sign_ins_total", signed, c.Codes, "way", "email")
	s.count("redoubt_certifier_sign_ins_refused_total", "Evidence of people that did not hold.", c.Unsigned)
	s.count("redoubt_certifier_sessions_total", "Sessions of apps that people authorized.", c.Authorized)
	s.count("redoubt_certifier_mints_total", "Times that tokens of a session were made.", c.Minted)
	s.count("redoubt_certifier_key_fetches_total", keys, c.Keys, "outcome", "ok")
	s.count("redoubt_certifier_key_fetches_total", keys, c.KeysFailed, "outcome", "failed")
}
