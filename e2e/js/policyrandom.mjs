// Random rules over the variables of policies, and random requests. A rule is written twice: for us, and for an evaluator
// that knows integers and no amounts, whose `minus` goes below zero no more than an amount does.

const pair = (strings, ...parts) => [0, 1].map((side) => strings.reduce((text, s, i) => text + s + (i < parts.length ? (Array.isArray(parts[i]) ? parts[i][side] : parts[i]) : ''), ''))
const quoted = (s) => `'${s}'`

export const constants = {
  names: ['ann', 'bob', 'ops', 'cold'], numbers: [0, 1, 5, 21], cap: 5, big: 9007199254740993n, flag: true, title: 'ops',
  limits: { a: 5, b: { c: [1, 2, 21] }, name: 'ann', yes: true }, mixed: ['ann', 5, true, [1]],
}
const words = ['', 'a', 'ann', 'bob', 'ops', 'hot', 'cold', 'signTransaction', 'getAccounts', 'ETH', 'SOL', 'x y', 'aab']
const patterns = ['^a', 'b$', '^[a-z]+$', '^[a-z]{2,3}$', 'o.s|hot', '(?i)SIGN', '^(?:an){1,2}', '', '[^a]*x', 'a{2}b']
const compare = ['==', '!=', '<', '<=', '>', '>=']

// rules makes a generator of expressions of type bool.
export function rules(g) {
  const pick = (...makers) => g.pick(makers)()
  // A scope is how deep one may still go, how many loops may still be nested, and the loops' variables by type.
  const into = (s) => ({ ...s, depth: s.depth - 1 })
  const inner = (s, type, name) => ({ ...s, depth: s.depth - 1, loops: s.loops - 1, [type]: [...s[type], name] })
  const over = (s) => ({ ...s, depth: s.depth - 1, loops: s.loops - 1 })
  const variable = (s, type) => (s[type].length > 0 && g.below(2) ? g.pick(s[type]) : null)
  const name = (s) => 'xyz'[3 - s.loops]

  const string = (s) => {
    const v = variable(s, 'strings')
    if (v) return pair`${v}`
    const plain = [
      () => pair`${quoted(g.pick(words))}`, () => pair`request.method`, () => pair`user.name`, () => pair`org.name`, () => pair`tx.chain`,
      () => pair`request.policyName`, () => pair`user.traits[${quoted(g.pick(['team', 'tags', 'none']))}]`, () => pair`user.traits.${g.pick(['team', 'level'])}`,
      () => pair`message`, () => pair`title`, () => pair`limits.name`,
    ]
    const movement = variable(s, 'movements')
    if (movement) return pair`${movement}.${g.pick(['asset', 'to', 'from'])}`
    if (s.depth <= 0) return g.pick(plain)()
    return g.pick([...plain, ...plain,
      () => pair`(${string(into(s))} + ${string(into(s))})`, () => pair`(${bool(into(s))} ? ${string(into(s))} : ${string(into(s))})`,
      () => pair`${strings(into(s))}[${int({ ...into(s), depth: 0 })}]`, () => pair`string(${int(into(s))})`, () => pair`string(${amount(into(s))})`,
    ])()
  }
  const int = (s) => {
    const v = variable(s, 'ints')
    if (v) return pair`${v}`
    const plain = [
      () => pair`${g.pick([0, 1, 2, 3, 5, 21, 1000])}`, () => pair`${g.pick(['-1', '-9223372036854775808', '9223372036854775807'])}`, () => pair`cap`,
      () => pair`tx.evm.${g.pick(['chainId', 'nonce', 'gas', 'type'])}`, () => pair`request.derivation.index`, () => pair`limits.b.c[${g.below(4)}]`,
    ]
    if (s.depth <= 0) return g.pick(plain)()
    return g.pick([...plain,
      () => pair`(${whole(into(s))} ${g.pick(['+', '-', '*', '/', '%'])} ${whole(into(s))})`, () => pair`size(${strings(into(s))})`, () => pair`${string(into(s))}.size()`,
      () => pair`(${bool(into(s))} ? ${whole(into(s))} : ${whole(into(s))})`, () => pair`int(${pick(() => quoted(g.pick(['7', '-3'])), () => pair`user.name`)})`,
      () => pair`request.time.${g.pick(['getHours', 'getDayOfWeek', 'getFullYear', 'getMonth', 'getDate', 'getMinutes', 'getDayOfYear'])}(${g.pick(['', "'America/New_York'", "'Asia/Kolkata'", "'+02:30'"])})`,
      () => pair`effects.transfers.size()`, () => pair`big`,
    ])()
  }
  // What dynamic members are is not known to our checker, which asks for one type on both sides of arithmetic.
  const whole = (s) => { const e = int(s); return e[0].startsWith('limits') ? pair`int(${e})` : e }
  const amount = (s) => {
    const movement = variable(s, 'movements')
    if (movement) return pair`${movement}.amount`
    const plain = [() => pair`tx.evm.value`, () => pair`tx.evm.maxFeePerGas`, () => pair`effects.feeMax`, () => pair`uint256(${quoted(g.pick(['0', '5', '1000', '0x15', 'x', '-1', '']))})`]
    if (s.depth <= 0) return g.pick(plain)()
    return g.pick([...plain,
      () => { const a = amount(into(s)), b = amount(into(s)); return [`(${a[0]} - ${b[0]})`, `minus(${a[1]}, ${b[1]})`] },
      () => pair`(${amount(into(s))} + ${amount(into(s))})`, () => pair`(${amount(into(s))} ${g.pick(['/', '%'])} ${amount(into(s))})`, () => pair`(${amount(into(s))} ${g.pick(['+', '/', '%'])} ${g.below(4)})`,
      () => pair`(${bool(into(s))} ? ${amount(into(s))} : ${amount(into(s))})`, () => pair`uint256((${whole(into(s))} % 1000000007))`, // below 2^63 with what is added
    ])()
  }
  const strings = (s) => {
    const plain = [
      () => pair`user.tags`, () => pair`org.tags`, () => pair`wallet.tags`, () => pair`names`, () => pair`[${quoted(g.pick(words))}, ${quoted(g.pick(words))}]`, () => pair`['']`,
    ]
    if (s.depth <= 0 || s.loops <= 0) return g.pick(plain)()
    const v = name(s)
    return g.pick([...plain, ...plain,
      () => pair`${strings(over(s))}.filter(${v}, ${bool(inner(s, 'strings', v))})`, () => pair`${strings(over(s))}.map(${v}, ${string(inner(s, 'strings', v))})`,
      () => pair`effects.transfers.map(${v}, ${string(inner(s, 'movements', v))})`, () => pair`(${strings(into(s))} + ${strings(into(s))})`,
      () => pair`${strings(over(s))}.map(${v}, ${bool(inner(s, 'strings', v))}, ${string(inner(s, 'strings', v))})`, () => pair`[${string(into(s))}, ${string(into(s))}]`,
      () => pair`numbers.map(${v}, ${string(inner(s, 'ints', v))})`,
    ])()
  }
  const loop = (s) => {
    const v = name(s), macro = g.pick(['all', 'exists', 'exists_one'])
    return pick(
      () => pair`${strings(over(s))}.${macro}(${v}, ${bool(inner(s, 'strings', v))})`, () => pair`effects.transfers.${macro}(${v}, ${bool(inner(s, 'movements', v))})`,
      () => pair`numbers.${macro}(${v}, ${bool(inner(s, 'ints', v))})`, () => pair`user.traits.${macro}(${v}, ${bool(inner(s, 'strings', v))})`,
    )
  }
  const leaf = (s) => pick(
    () => pair`${g.pick(['true', 'false', 'flag', 'limits.yes == true', 'effects.unknown', 'tx.evm.createsContract', 'wallet.exported'])}`,
    () => pair`has(${g.pick(['tx.evm', 'tx.solana', 'request.derivation', 'user.traits.team', 'user.traits.none', 'limits.a', 'limits.zz'])})`,
    () => pair`${string(into(s))} ${g.pick(compare)} ${string(into(s))}`,
    () => pair`${whole(into(s))} ${g.pick(compare)} ${whole(into(s))}`,
    () => pair`${amount(into(s))} ${g.pick(compare)} ${amount(into(s))}`,
    () => pair`${amount(into(s))} ${g.pick(compare.slice(2))} ${whole(into(s))}`,
    () => pair`${amount(into(s))} ${g.pick(compare)} ${g.pick([0, 1, 5, 21, 1000])}`,
    () => pair`${g.pick([0, 1, 5, 21, 1000])} ${g.pick(compare)} ${amount(into(s))}`,
    () => pair`limits.${g.pick(['a', 'zz'])} ${g.pick(['==', '!='])} ${pick(() => whole(into(s)), () => amount(into(s)))}`,
    () => pair`${pick(() => whole(into(s)), () => amount(into(s)))} ${g.pick(['==', '!='])} limits.${g.pick(['a', 'zz', 'name'])}`,
    () => pair`${pick(() => string(into(s)), () => whole(into(s)), () => amount(into(s)))} in mixed`,
    () => pair`${g.pick(['limits.b.c', 'mixed[3]'])} ${g.pick(['==', '!='])} [${pick(() => whole(into(s)), () => amount(into(s)))}]`,
    () => pair`${whole(into(s))} in numbers`,
    () => pair`${string(into(s))} in ${strings(into(s))}`, () => pair`${string(into(s))} in user.traits`,
    () => pair`${string(into(s))}.${g.pick(['startsWith', 'endsWith', 'contains'])}(${string(into(s))})`,
    () => pair`${string(into(s))}.matches(${quoted(g.pick(patterns))})`,
    () => pair`${strings(into(s))} ${g.pick(['==', '!='])} ${strings(into(s))}`,
    () => pair`request.time ${g.pick(compare)} timestamp(${quoted(g.pick(['2026-06-01T00:00:00Z', '2020-02-29T23:59:59Z', '2027-01-01T00:00:00+02:00']))})`,
    () => pair`request.time - timestamp('2026-01-01T00:00:00Z') ${g.pick(compare)} duration(${quoted(g.pick(['1000h', '0s', '-5m', '72h3m0.5s']))})`,
  )
  const bool = (s) => {
    if (s.depth <= 0) return leaf({ ...s, depth: 0 })
    return pick(
      () => leaf(s), () => leaf(s), () => pair`!(${bool(into(s))})`, () => pair`(${bool(into(s))} && ${bool(into(s))})`, () => pair`(${bool(into(s))} || ${bool(into(s))})`,
      () => pair`(${bool(into(s))} ? ${bool(into(s))} : ${bool(into(s))})`, () => pair`((${bool(into(s))}) ${g.pick(['==', '!='])} (${bool(into(s))}))`,
      () => (s.loops > 0 ? loop(s) : leaf(s)),
    )
  }
  return () => bool({ depth: 1 + g.below(4), loops: 3, strings: [], ints: [], movements: [] })
}

// request makes one that may be of either chain or of none.
export function randomRequest(g) {
  const some = (n, make) => Array.from({ length: g.below(n) }, make)
  const kind = g.pick(['evm', 'evm', 'solana', 'solana', 'none'])
  return {
    Method: g.pick(['signTransaction', 'getAccounts', 'signUtf8Message']), PolicyName: g.pick(words), Username: g.pick(words), Recipient: '',
    Time: 1_767_225_600_000 + g.below(2 ** 31) * 20, Index: g.below(2) ? g.below(4) : null,
    Organization: g.pick(words), User: g.pick(words.slice(1)), Tags: some(4, () => g.pick(words)), WalletTags: g.below(3) ? some(4, () => g.pick(words)) : null,
    Traits: [['team', g.pick(words)], ['level', g.pick(words)], ['tags', 'ops,hot']].slice(0, g.below(4)),
    Message: g.below(2) ? g.pick(words) : null,
    EVM: kind === 'evm' ? { ChainID: g.pick([1, 5, 137]), Nonce: g.below(4), Gas: 21000 + g.below(3), MaxFee: g.pick([0, 1, 1000]), Value: g.pick([0, 1, 5, 21, 1000, g.below(1e9)]) } : null,
    Solana: kind === 'solana' ? solana(g, some(4, () => g.pick([0, 1, 5, 21, g.below(60000)]))) : '',
  }
}

// solana is a message of the account of zeros that pays some accounts.
function solana(g, lamports) {
  const key = (n) => Buffer.alloc(32, n)
  const calls = lamports.map((n) => { const data = Buffer.alloc(12); data[0] = 2; data.writeUInt32LE(n, 4); return Buffer.concat([Buffer.from([3, 2, 0, 1 + g.below(2), 12]), data]) })
  return Buffer.concat([Buffer.from([1, 0, 1, 4]), key(0x11), key(7), key(8), key(0), key(9), Buffer.from([calls.length]), ...calls]).toString('hex')
}

// bindings are the variables of a request for an evaluator of JSON, given the effects that we found.
export function bindings(r, effects, time) {
  const vars = {
    request: { method: r.Method, policyName: r.PolicyName, username: r.Username, time },
    org: { name: r.Organization, tags: r.Tags }, user: { name: r.User, traits: Object.fromEntries(r.Traits), tags: r.Traits.length === 3 ? ['ops', 'hot'] : [] },
    tx: { chain: r.EVM ? 'evm' : r.Solana ? 'solana' : '', network: '' },
  }
  if (r.Index !== null) vars.request.derivation = { index: BigInt(r.Index) }
  if (r.WalletTags) vars.wallet = { name: '', tags: r.WalletTags, exported: false }
  if (r.Message !== null) vars.message = r.Message
  if (r.EVM) {
    const { ChainID, Nonce, Gas, MaxFee, Value } = r.EVM
    vars.tx.evm = { chainId: BigInt(ChainID), nonce: BigInt(Nonce), gas: BigInt(Gas), type: 2n, maxFeePerGas: BigInt(MaxFee), value: BigInt(Value), createsContract: false }
  }
  if (r.Solana) vars.tx.solana = {}
  if (r.EVM || r.Solana) {
    vars.effects = { feeMax: BigInt(effects.feeMax), unknown: effects.unknown, transfers: effects.transfers.map((t) => ({ ...t, amount: BigInt(t.amount) })) }
  }
  return vars
}
