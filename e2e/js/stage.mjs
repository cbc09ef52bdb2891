// How the demonstration speaks: numbered steps, aligned rows, colours on a terminal only.
const plain = !process.stdout.isTTY || 'NO_COLOR' in process.env
const paint = (code) => (text) => (plain ? text : `\x1b[${code}m${text}\x1b[0m`)
export const bold = paint(1)
export const dim = paint(2)
export const green = paint(32)
export const red = paint(31)

const say = (line = '') => process.stdout.write(line + '\n')
const width = 18

let steps = 0
export function title(text, ...lines) {
  say()
  say(bold(text))
  for (const line of lines) say(dim(line))
}

export function step(text) {
  say()
  say(`${dim(String(++steps).padStart(2))}  ${bold(text)}`)
}

// row writes a name and its value, aligned with the others.
export const row = (name, value) => say(`    ${dim(name.padEnd(width))}${value}`)

// done and refused are rows that end a step: one says what was seen to happen, the other what was seen not to.
export const done = (text) => say(`    ${green('ok')}  ${text}`)
export const refused = (text) => say(`    ${red('no')}  ${text}`)

// table aligns columns, numbers to the right.
export function table(head, rows) {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((r) => r[i].length)))
  all.forEach((r, n) => {
    const cells = r.map((c, i) => (i === 0 ? c.padEnd(widths[i]) : c.padStart(widths[i])))
    say('    ' + (n === 0 ? dim(cells.join('   ')) : cells.join('   ')))
  })
}

// amount writes units of the smallest kind as a decimal of the coin.
export function amount(units, decimals, coin, shown = 6) {
  const digits = units.toString().padStart(decimals + 1, '0')
  const fraction = digits.slice(-decimals).padEnd(shown, '0').slice(0, shown)
  return `${digits.slice(0, -decimals)}.${fraction} ${coin}`
}

export const short = (text) => (text.length <= 24 ? text : `${text.slice(0, 12)}…${text.slice(-8)}`)

export { say }
