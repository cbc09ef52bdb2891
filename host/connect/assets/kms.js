// Stamped requests to the key-management system.

import { main, post } from './page.js';
import { stamp } from './session.js';

const accounts = [
  { curve: 'Ed25519', derivationPath: "m/44'/501'/0'/0'", addressFormat: 'Solana' },
  { curve: 'Secp256k1', derivationPath: "m/44'/60'/0'/0/0", addressFormat: 'Ethereum' },
  { curve: 'Secp256k1', derivationPath: "m/84'/0'/0'/0", addressFormat: 'BitcoinSegwit' },
  { curve: 'Ed25519', derivationPath: "m/44'/784'/0'/0'/0'", addressFormat: 'Sui' },
];

// call asks for a method, and returns its result.
export async function call(session, method, params) {
  const body = JSON.stringify({ method, params, timestampMs: Date.now() });
  return (await post(`${main.dataset.api}/kms/rpc`, body, await stamp(session, body))).result;
}

// organization returns the id of the person's organization, which is made when it is not there.
export async function organization(session) {
  return (await call(session, 'getOrCreatePhantomOrganization', {})).organizationId;
}

// wallets returns the wallets of an organization.
export async function wallets(session, organizationId) {
  const all = [];
  for (;;) {
    const page = await call(session, 'getOrganizationWallets', { organizationId, limit: 20, offset: all.length });
    all.push(...page.wallets);
    if (page.wallets.length === 0 || all.length >= page.totalCount || all.length >= 200) return all;
  }
}

// appWallet returns the id of the wallet that an app has for itself, made as the app itself would make it.
export async function appWallet(session, organizationId, clientId) {
  const wallet = await call(session, 'getOrCreateWalletWithTag', { organizationId, walletName: 'App Wallet', tag: clientId, accounts, mnemonicLength: 24 });
  return wallet.walletId;
}
