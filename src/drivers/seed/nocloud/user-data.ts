/**
 * User data of a person and what their fields say, as one: a MIME message of two parts (cloudinit.readthedocs.io,
 * "User-data formats", "Merging user-data sections"). What the person wrote comes first and wins; lists are joined.
 */

import type { JsonObject } from '#base/json.ts'
import { typeOf } from '#model/user-data.ts'

const head = '#cloud-config\n'

/** JSON is YAML; beyond ASCII it is escaped, so that no reader is to guess an encoding. */
export const configText = (config: JsonObject) =>
  head +
  JSON.stringify(config, null, 2).replaceAll(
    /[^\u0000-\u007f]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  ) +
  '\n'

export function userDataOf(own: string | null, config: JsonObject | undefined): string {
  if (config === undefined) return own ?? head
  if (own === null || own.trim() === '') return configText(config)
  const boundary = 'decant-first-boot'
  const parts = [
    part(typeOf(own) ?? 'text/plain', own),
    part(
      'text/cloud-config',
      configText(config),
      'Merge-Type: list(append)+dict(no_replace,recurse_list)+str()',
    ),
  ]
  return [
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    'MIME-Version: 1.0',
    '',
    ...parts.flatMap((text) => [`--${boundary}`, text]),
    `--${boundary}--`,
    '',
  ].join('\n')
}

/** As base64: neither a boundary nor an encoding is to be guessed. */
function part(type: string, text: string, ...headers: readonly string[]): string {
  const encoded = Buffer.from(text, 'utf8').toString('base64').replaceAll(/.{76}/g, '$&\n')
  return [
    `Content-Type: ${type}; charset="utf-8"`,
    'Content-Transfer-Encoding: base64',
    ...headers,
    '',
    encoded,
  ].join('\n')
}
