/** `decant login` and `decant trust`: how a browser gets in, and why it may believe who it talks to. */

import { X509Certificate } from 'node:crypto'
import { copyFile, readFile } from 'node:fs/promises'
import { isObject } from '#base/json.ts'
import { Problem } from '#model/problem.ts'
import { me, signInLink } from '#client/records.ts'
import { noOperands, type Arguments } from '../arguments.ts'
import type { Context } from '../command.ts'
import { placeOf } from '../place.ts'
import { oneLine } from '../width.ts'

export async function login(args: Arguments, context: Context): Promise<number> {
  noOperands(args, context.options.language)
  const { paper, options, world } = context
  const client = await context.client()
  const user = args.one('user') ?? String((await me(client)).user)
  const { url, expiresAtMs } = await signInLink(client, user)
  if (options.format !== 'table') {
    await paper.data({ url, expiresAtMs })
    return 0
  }
  const minutes = Math.max(1, Math.round((expiresAtMs - world.nowMs()) / 60_000))
  paper.note(paper.text('login-link', { minutes, user: oneLine(user) }))
  paper.line(oneLine(url))
  const server = (world.env.SSH_CONNECTION ?? '').split(' ')[2]
  const { hostname, port } = new URL(url)
  if (server !== undefined && /^[\w.:%]+$/.test(server) && hostname === '127.0.0.1')
    paper.note(paper.text('login-remote', { port, host: server }))
  return 0
}

async function certificate(path: string): Promise<{ pem: string; print: string }> {
  try {
    const pem = await readFile(path, 'utf8')
    return { pem, print: new X509Certificate(pem).fingerprint256 }
  } catch (cause) {
    const why = `${path}: ${isObject(cause) ? String(cause.code ?? cause.message) : ''}`
    throw new Problem('setting/invalid', { setting: 'DECANT_CA', why }, { cause })
  }
}

export async function trust(args: Arguments, context: Context): Promise<number> {
  noOperands(args, context.options.language)
  const { paper, options, world } = context
  const isDataGiven = options.data !== '' && (world.env.DECANT_URL ?? '') === ''
  const { caFile } = await placeOf({ surroundings: world, data: options.data, isDataGiven })
  if (caFile === undefined) {
    paper.note(paper.text('trust-none'))
    return 0
  }
  const { pem, print } = await certificate(caFile)
  const output = args.one('output')
  if (output !== undefined) await exported(caFile, output)
  if (options.format !== 'table') await paper.data({ file: output ?? caFile, fingerprint256: print, pem })
  else {
    paper.note(paper.text('trust-how', { print, path: output ?? caFile }))
    if (output === undefined) paper.line(pem.trimEnd())
  }
  return 0
}

async function exported(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to)
  } catch (cause) {
    const why = `${to}: ${isObject(cause) ? String(cause.code) : ''}`
    throw new Problem('setting/invalid', { setting: '--output', why }, { cause })
  }
}
