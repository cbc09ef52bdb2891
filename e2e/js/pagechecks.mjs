// What every page owes to people: it can be read in light and dark and on a phone, names its controls, is used by the
// keyboard alone, and takes nothing from elsewhere.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { shots } from './browser.mjs'

const looks = [
  { look: 'light', colorScheme: 'light', width: 1280, height: 800 },
  { look: 'dark', colorScheme: 'dark', width: 1280, height: 800 },
  { look: 'narrow', colorScheme: 'light', width: 390, height: 844 },
]

// watch notes what the pages of an origin complain about, policy violations included, and whom else they ask.
export function watch(context, origin) {
  const seen = { complaints: [], statuses: [], outside: [] }
  context.on('console', (message) => {
    const at = message.location().url || message.page()?.url() || ''
    if (!['error', 'warning'].includes(message.type()) || !at.startsWith(origin)) return
    const status = /Failed to load resource: .* status of (4\d\d)/.exec(message.text())
    if (status) seen.statuses.push(`${status[1]} ${at}`)
    else seen.complaints.push(message.text())
  })
  context.on('weberror', (error) => seen.complaints.push(String(error.error())))
  context.on('request', (request) => {
    if (request.isNavigationRequest() || !request.frame().url().startsWith(origin)) return
    const url = request.url()
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) seen.outside.push(url)
  })
  return seen
}

// findings runs in the page and lists what is wrong with it.
function findings() {
  const found = []
  const visible = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true })
  const all = (selector) => [...document.querySelectorAll(selector)].filter(visible)
  const name = (e) => (e.getAttribute('aria-label') ?? e.textContent).trim()

  if (document.documentElement.lang !== 'en') found.push('the language is not named')
  if (!document.title.trim()) found.push('no title')
  const headings = all('h1')
  if (headings.length !== 1 || !name(headings[0])) found.push(`${headings.length} main headings`)
  for (const e of all('input, select, textarea')) {
    if (![...e.labels].some(name) && !e.getAttribute('aria-label')) found.push(`no label: ${e.outerHTML}`)
  }
  for (const e of all('button, a')) {
    const { width, height } = e.getBoundingClientRect()
    if (!name(e)) found.push(`no name: ${e.outerHTML}`)
    if (e.tagName === 'BUTTON' && (width < 24 || height < 24)) found.push(`too small to hit: ${e.outerHTML}`)
  }
  for (const e of all('[aria-labelledby], [aria-describedby]')) {
    for (const id of [e.getAttribute('aria-labelledby'), e.getAttribute('aria-describedby')]) if (id && !document.getElementById(id)) found.push(`there is no #${id}`)
  }
  for (const e of all('dialog')) {
    const { top, bottom } = e.getBoundingClientRect()
    if (Math.abs(top + bottom - innerHeight) > 4) found.push('the dialog is not in the middle')
  }
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) found.push('wider than the window')

  // Contrast (WCAG 2.2, 1.4.3).
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number)
    return text.startsWith('color(') ? [r * 255, g * 255, b * 255, a] : [r, g, b, a]
  }
  const over = ([r, g, b, a], below) => [r, g, b].map((v, i) => v * a + below[i] * (1 - a))
  const ground = (e) => {
    const layers = []
    for (; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor))
    return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255])
  }
  const luminance = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const legible = (e, color, text) => {
    const below = ground(e)
    const [light, dark] = [luminance(over(parse(color), below)), luminance(below)].sort((a, b) => b - a)
    const { fontSize, fontWeight } = getComputedStyle(e)
    const large = parseFloat(fontSize) >= 24 || parseFloat(fontSize) >= 18.66 && fontWeight >= 700
    const contrast = (light + 0.05) / (dark + 0.05)
    if (contrast < (large ? 3 : 4.5)) found.push(`contrast ${contrast.toFixed(2)}: ${text.trim().slice(0, 60)}`)
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement
    if (texts.currentNode.data.trim() && visible(e) && !e.closest(':disabled, noscript, option')) legible(e, getComputedStyle(e).color, texts.currentNode.data)
  }
  for (const e of all('input[placeholder]:placeholder-shown')) legible(e, getComputedStyle(e, '::placeholder').color, e.placeholder)
  return found
}

// reach goes through the page by the keyboard until it is at an element, where one must see that one is.
async function reach(page, selector) {
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab')
    const at = await page.evaluate((s) => document.activeElement?.matches(s) && getComputedStyle(document.activeElement).outlineStyle, selector)
    if (at) return assert.notEqual(at, 'none', `nothing shows that ${selector} has the focus`)
  }
  assert.fail(`the keyboard does not reach ${selector}`)
}

// check holds a page against all of it and takes its picture in each look. `main` is the button that it is there for;
// `refused` says that the server refused something on it.
export async function check(page, seen, name, { main, refused = false } = {}) {
  for (const { look, colorScheme, width, height } of looks) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height })
    assert.deepEqual(await page.evaluate(findings), [], `${name}, ${look}`)
    const fullPage = await page.locator('dialog[open]').count() === 0 // what is behind a dialog is dimmed as far as the window goes
    await page.screenshot({ path: join(shots, `${name}-${look}.png`), fullPage })
  }
  if (main) await reach(page, main)
  assert.deepEqual(seen.complaints, [], name)
  assert.deepEqual(seen.outside, [], name)
  if (!refused) assert.deepEqual(seen.statuses, [], name)
  seen.statuses.length = 0
}
