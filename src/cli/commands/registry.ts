/** The commands that are not kinds. Each is loaded only when it is run: start-up time is felt at every call. */

import type { Command } from '../command.ts'
import { helpCommand, versionCommand } from './help.ts'

export const commands: readonly Command[] = [helpCommand, versionCommand]
