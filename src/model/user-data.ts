/** How user data begins, and what cloud-init takes it for (cloudinit.readthedocs.io, "User-data formats"). */

const types: readonly (readonly [begins: string, type: string])[] = [
  ['#cloud-config-archive', 'text/cloud-config-archive'],
  ['#cloud-config', 'text/cloud-config'],
  ['#cloud-boothook', 'text/cloud-boothook'],
  ['#include-once', 'text/x-include-once-url'],
  ['#include', 'text/x-include-url'],
  ['#part-handler', 'text/part-handler'],
  ['## template: jinja', 'text/jinja2'],
  ['#!', 'text/x-shellscript'],
]

export const beginnings: readonly string[] = [...types.map(([begins]) => begins), 'Content-Type: multipart/']

/** Nothing when it is none that cloud-init takes as a part. */
export const typeOf = (userData: string): string | undefined =>
  types.find(([begins]) => userData.startsWith(begins))?.[1]

/** A message of parts, which no other part can be put beside. */
export const isMessage = (userData: string): boolean =>
  /^(Content-Type: *multipart\/|MIME-Version:)/i.test(userData)
