// How the account page writes times, amounts and ways to sign in.

export const day = (ms) => new Date(ms).toLocaleDateString(undefined, { dateStyle: 'medium' });
export const moment = (ms) => new Date(ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
export const dollars = (cents) => (cents / 100).toLocaleString(undefined, { style: 'currency', currency: 'USD' });

const first = 'first way to sign in'; // as the system names it
const kindOf = (way) => way.subject.split(':')[0];

// titleOf names a way as people know it: the first one was not named by anybody.
export function titleOf(way) {
  if (way.name === first) return { passkey: 'Passkey', oidc: 'Account elsewhere', email: 'Codes by e-mail' }[kindOf(way)] ?? 'First way to sign in';
  return way.name.charAt(0).toUpperCase() + way.name.slice(1);
}

// describe says what a way is, since when, and what it cannot do.
export function describe(way) {
  const kind = { passkey: 'a passkey', oidc: 'an account elsewhere', email: 'codes by e-mail' }[kindOf(way)];
  const since = [way.name === first ? 'your first way' : kind, `since ${day(way.createdAtMs)}`].filter(Boolean).join(', ');
  return `${since.charAt(0).toUpperCase()}${since.slice(1)}${way.strong ? '' : '. It cannot change who may sign in, or take keys out'}`;
}
