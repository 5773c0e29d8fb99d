/** Faults to plant in the real planners and loops, each a small change of their text that some seed must find. */

export type Mutation = {
  readonly name: string
  /** What it breaks. */
  readonly breaks: string
  readonly file: string
  readonly find: string
  readonly put: string
}

export const mutations: readonly Mutation[] = [
  {
    name: 'forced-off',
    breaks: 'I-24: a guest is ended although it is wished on',
    file: 'src/kinds/guest/plan.ts',
    find: "if (wish.power === 'paused') return proceed({ do: 'pause' })",
    put: "if (wish.power === 'paused') return end(seen, 'forced')",
  },
  {
    name: 'restless',
    breaks: 'run policy: a guest that powered itself off is started again',
    file: 'src/kinds/guest/plan.ts',
    find: "return wish.restart === 'always' ? afterPause(wish, seen, 1) : wait('guest/powered-itself-off')",
    put: 'return afterPause(wish, seen, 1)',
  },
  {
    name: 'no-note-first',
    breaks: 'I-20, run policy: the end is carried out before it is noted',
    file: 'src/kinds/guest/plan.ts',
    find: "return proceed<GuestStep>(note({ ...record, exit, crashes }), { do: 'kill' })",
    put: "return proceed<GuestStep>({ do: 'kill' }, note({ ...record, exit, crashes }))",
  },
  {
    name: 'impatient',
    breaks: 'I-47: a clock set back makes a crash pause endless',
    file: 'src/kinds/guest/plan.ts',
    find: 'if (record.exit !== null && record.exit.atMs > nowMs)',
    put: 'if (record.exit !== null && record.exit.atMs > nowMs + 1e15)',
  },
  {
    name: 'stuck-start',
    breaks: 'I-47: a start that an agent died over stays for ever',
    file: 'src/kinds/guest/plan.ts',
    find: "if (wish.power === 'gone' || sinceMs >= startingMs) return end(seen, 'forced')",
    put: "if (wish.power === 'gone') return end(seen, 'forced')",
  },
  {
    name: 'adopts-nothing',
    breaks: 'I-22, I-24: a guest that the store forgot is ended',
    file: 'src/kinds/guest/plan.ts',
    find: "if (!seen.isClaimed) return wait('guest/unclaimed')",
    put: "if (!seen.isClaimed && seen.process === 'running') return end(seen, 'forced')",
  },
  {
    name: 'no-stranger',
    breaks: 'I-23: what is not provably ours is killed',
    file: 'src/kinds/guest/plan.ts',
    find: "return wait('guest/not-ours', { pid: seen.pid ?? 0 }, 5_000)",
    put: "return end(seen, 'crashed')",
  },
  {
    name: 'hasty-gone',
    breaks: 'I-20, I-24: a guest is forgotten that still runs',
    file: 'src/kinds/machine/plan-deletion.ts',
    find: 'if (!isGone)',
    put: 'if (!isGone && phase !== guest.status.phase)',
  },
  {
    name: 'endless-room',
    breaks: 'I-26: a host gives away what it has given away already',
    file: 'src/program/controller/allocations.ts',
    find: 'freeMib: status.memoryMib - spec.reserveMib - memoryMib,',
    put: 'freeMib: status.memoryMib - spec.reserveMib - memoryMib / 8,',
  },
  {
    name: 'silent-is-stopped',
    breaks: 'I-25: a machine of a silent host is not said to be unknown',
    file: 'src/kinds/machine/report.ts',
    find: "if (guest !== null && hostSilentSince !== null) return 'unknown'",
    put: '',
  },
  {
    name: 'same-epoch',
    breaks: 'I-27: a new boot has no epoch of its own',
    file: 'src/kinds/machine/body.ts',
    find: 'epoch: kept ? guest.spec.epoch : highest + 1,',
    put: 'epoch: kept ? guest.spec.epoch : Math.max(1, highest - 1),',
  },
  {
    name: 'leaves-volume',
    breaks: 'I-20: the volume of a deleted machine stays',
    file: 'src/kinds/volume/plan.ts',
    find: "if (seen.state === 'absent' && seen.elsewhere === null && !seen.isArriving) return settled",
    put: 'if (seen.state !== undefined) return settled',
  },
  {
    name: 'grows-in-use',
    breaks: 'I-47: a volume never grows',
    file: 'src/kinds/volume/plan.ts',
    find: "return proceed({ do: 'grow', sizeBytes })",
    put: 'return settled',
  },
  {
    name: 'stale-session',
    breaks: 'I-47: an old report comes after a newer one',
    file: 'src/program/controller/sessions.ts',
    find: '(this.#listening.get(host) ?? Promise.resolve())',
    put: 'Promise.resolve()',
  },
  {
    name: 'ungreeted',
    breaks: 'I-20: news of an older connection brings back what is gone',
    file: 'src/program/agent/agent.ts',
    find: 'if (isGreeted) void takeDown',
    put: 'void isGreeted, void takeDown',
  },
  {
    name: 'report-once',
    breaks: 'I-47: what was said before a cut is not said again',
    file: 'src/program/agent/reports.ts',
    find: 'for (const up of [...this.#pending.values()].toSorted((a, b) => a.sequence - b.sequence)) uplink.say(up)',
    put: 'void uplink',
  },
  {
    name: 'unclaimed-adoption',
    breaks: 'I-01, I-20: an adopted guest does not hold its disks',
    file: 'src/program/controller/reports.ts',
    find: "if (kind !== 'guest') return []",
    put: "if (kind !== 'none') return []",
  },
  {
    name: 'gives-back-early',
    breaks: 'I-01: a disk is given to another before its host said that it was let go',
    file: 'src/kinds/machine/body-leaving.ts',
    find: 'if (part.volume !== null) return running.disks?.includes(part.volume) === false',
    put: 'if (part.volume !== null) return true',
  },
  {
    name: 'keeps-claims',
    breaks: 'I-20, I-47: what a guest let go of is never given back',
    file: 'src/kinds/machine/body-leaving.ts',
    find: 'if (part.volume !== null) return running.disks?.includes(part.volume) === false',
    put: 'if (part.volume !== null) return false',
  },
  {
    name: 'reverts-under-guest',
    breaks: 'I-29, I-47: disks are told to go back under a guest that runs, and wait for it for ever',
    file: 'src/kinds/machine/plan-revert.ts',
    find: 'if (down !== undefined) return down',
    put: 'if (down !== undefined && guest === null) return down',
  },
  {
    name: 'endless-revert',
    breaks: 'I-47: a revert waits for a disk that has left its machine meanwhile',
    file: 'src/kinds/machine/plan-revert.ts',
    find: '.filter(({ id, status }) => volumes.some(({ volume, at }) => volume === id && status.revertedAt < at))',
    put: '.filter(({ status }) => volumes.some(({ at }) => status.revertedAt < at))',
  },
]
