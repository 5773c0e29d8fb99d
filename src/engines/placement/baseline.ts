/** The CPU model that every host of a pool can run: what machines are given that may move to any of them. Pure. */

/** Named models of x86, the best first (QEMU's documentation, "Recommendations for KVM CPU model configuration"). */
const ranked = [
  'SapphireRapids',
  'EPYC-Genoa',
  'EPYC-Milan',
  'EPYC-Rome',
  'Icelake-Server',
  'Cascadelake-Server',
  'Skylake-Server',
  'EPYC',
  'Skylake-Client',
  'Broadwell',
  'Haswell',
  'IvyBridge',
  'SandyBridge',
  'Opteron_G5',
  'Opteron_G4',
  'Westmere',
  'Nehalem',
  'Opteron_G3',
  'Penryn',
  'Conroe',
  'qemu64',
] as const

/** What every host has, whatever it is. */
const least = 'qemu64'

/** The best model that is among those of every host that said which it has. */
export function baselineOf(hosts: readonly (readonly string[])[]): string {
  const told = hosts.filter((models) => models.length > 0).map((models) => new Set(models))
  if (told.length === 0) return least
  return ranked.find((model) => told.every((models) => models.has(model))) ?? least
}
