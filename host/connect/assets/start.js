// Begins the login that an app asks for: with a request object in the fragment, or with a query, which the first generation
// of apps sends.

import { go, post, Problem, stuck } from './page.js';

function asked() {
  const jar = new URLSearchParams(document.location.hash.slice(1)).get('jar');
  if (jar) return { jar };
  const query = new URLSearchParams(document.location.search);
  if (document.location.pathname === '/login' && query.has('public_key')) {
    return { legacy: Object.fromEntries(query), from: document.referrer };
  }
  throw new Problem('This page is where apps send you to sign in. Go to the app and sign in from there.', 0);
}

try {
  go((await post('/login/start', asked())).location);
} catch (error) {
  stuck(error);
}
