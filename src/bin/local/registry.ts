/** The commands that concern this very machine, and so are no readings of the API. Each is loaded when it is run. */

import { yesFlag } from '#cli/ask.ts'
import type { Command } from '#cli/command.ts'
import type { Sentence } from '#model/sentence.ts'
import { forceFlag, serviceFlags } from './flags.ts'

type Head = Omit<Command, 'run'>
type Body = { run: Command['run'] }

const local = (head: Head, load: () => Promise<Body>): Command => ({
  ...head,
  run: async (argv, context) => (await load()).run(argv, context),
})

const s = (en: string, ko: string): Sentence => ({ en, ko })

export const localCommands: readonly Command[] = [
  local(
    {
      name: 'down',
      summary: s('Stop the machines of this host, and Decant', '이 호스트의 머신과 Decant를 멈춤'),
      usage: 'down [--force-after 30s]',
      flags: [forceFlag],
    },
    () => import('./down.ts'),
  ),
  local(
    {
      name: 'service',
      summary: s('Make Decant a systemd service, or no longer', 'Decant를 systemd 서비스로 등록하거나 해제'),
      usage: 'service install|uninstall [--port N] [--listen ADDRESS]',
      flags: serviceFlags,
    },
    () => import('./systemd.ts'),
  ),
  local(
    {
      name: 'store',
      summary: s('Back up, restore or check the store', '저장소 백업, 복원, 점검'),
      usage: 'store backup FILE | restore FILE | check [FILE]',
    },
    () => import('./store.ts'),
  ),
  local(
    {
      name: 'simulate',
      summary: s('Run Decant against simulated hosts', '시뮬레이션 호스트로 Decant 실행'),
      usage: 'simulate HOSTS,MACHINES [SETTINGS]',
    },
    () => import('./simulate.ts'),
  ),
  local(
    {
      name: 'uninstall',
      summary: s('Remove every trace of Decant from this machine', '이 머신에서 Decant의 흔적을 모두 제거'),
      usage: 'uninstall [--yes] [--force-after 30s]',
      flags: [forceFlag, yesFlag],
    },
    () => import('./uninstall.ts'),
  ),
]
