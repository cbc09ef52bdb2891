// Random EVM transactions as ethers writes them, the same for the same seed.
import { Signature, SigningKey, Transaction, getBytes, hexlify } from 'ethers'

const key = new SigningKey('0x' + '07'.repeat(32))
const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

// number has a random length, so that zero and short ones are as likely as long ones.
const number = (g, limit) => BigInt(hexlify(g.bytes(g.below(limit + 1))).padEnd(3, '0'))
const address = (g) => hexlify(g.bytes(20))
const word = (g) => hexlify(g.bytes(32))
const list = (g, limit, make, from = 0) => Array.from({ length: from + g.below(limit) }, make)

const authorization = (g) => ({
  chainId: number(g, 4), address: address(g), nonce: number(g, 7),
  signature: Signature.from({ r: '0x' + (1n + number(g, 31)).toString(16).padStart(64, '0'), s: '0x' + ((1n + number(g, 31)) % (order / 2n)).toString(16).padStart(64, '0'), yParity: g.below(2) }),
})

// fieldsOf are those of a type.
function fieldsOf(g, type) {
  const tip = number(g, 8)
  const fees = type < 2 ? { gasPrice: number(g, 12) } : { maxPriorityFeePerGas: tip, maxFeePerGas: tip + number(g, 8) }
  return {
    type, chainId: type === 0 && g.below(3) === 0 ? 0n : 1n + number(g, 5), nonce: Number(number(g, 6)), gasLimit: number(g, 7),
    to: type < 3 && g.below(6) === 0 ? null : address(g), value: number(g, 31), data: hexlify(g.bytes(g.below(120))), ...fees,
    ...(type > 0 ? { accessList: list(g, 3, () => ({ address: address(g), storageKeys: list(g, 3, () => word(g)) })) } : {}),
    ...(type === 3 ? { maxFeePerBlobGas: number(g, 8), blobVersionedHashes: list(g, 3, () => '0x01' + word(g).slice(4), 1) } : {}),
    ...(type === 4 ? { authorizationList: list(g, 3, () => authorization(g), 1) } : {}),
  }
}

// randomEVM makes a transaction of type 0 to 4.
export function randomEVM(g, signed) {
  const tx = Transaction.from(fieldsOf(g, g.below(5)))
  if (signed) tx.signature = key.sign(tx.unsignedHash)
  return getBytes(signed ? tx.serialized : tx.unsignedSerialized)
}
