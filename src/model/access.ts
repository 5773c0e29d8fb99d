/** Who may do what. Roles are held per project, or for the whole pool under the name `*`. */

export const roles = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]

export type Binding = { readonly project: string; readonly role: Role }

/** Somebody who calls, already proved to be who they say. */
export type Principal = {
  readonly user: string
  readonly bindings: readonly Binding[]
  /** How they proved it; `local` is the administrator of this very machine. */
  readonly via: 'local' | 'session' | 'token'
  /** The session or token, by its id. */
  readonly credential: string
}

export const wholePool = '*'

const rank = (role: Role) => roles.indexOf(role)

/** Whether a principal holds at least `role`; `project` is null for what belongs to the pool. */
export const holdsRole = (principal: Principal, role: Role, project: string | null): boolean =>
  principal.bindings.some(
    (binding) =>
      (binding.project === wholePool || (project !== null && binding.project === project)) &&
      rank(binding.role) >= rank(role),
  )
