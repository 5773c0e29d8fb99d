/** Every bound that Decant sets, each with its reason. A list or a text without one is a bug. */

export const limits = {
  /** A DNS label (RFC 1035): names become host names and addresses. */
  nameChars: 63,
  /** A label's value, as in Kubernetes: long enough for a sentence's worth of meaning. */
  labelValueChars: 63,
  labelsPerObject: 64,
  descriptionChars: 2048,
  /** One request's JSON. The largest ordinary object is under 20 KiB. */
  bodyBytes: 1_048_576,
  /** Deeper JSON is no object of ours; parsers and walkers stay shallow. */
  bodyDepth: 24,
  /** One stored document, etcd's request limit being 1.5 MiB. */
  documentBytes: 524_288,
  /** Changes in one atomic commit; etcd's default is 128 operations. */
  changesPerCommit: 120,
  pageItems: 500,
  bulkItems: 500,
  /** How long a watch can be resumed: changes kept after they happened. */
  watchHistoryChanges: 200_000,
  /** The same history in bytes of documents: a few large ones must not fill the disk. */
  watchHistoryBytes: 268_435_456,
  /** Commits that may wait for a slow disk before more are refused; ten seconds' worth of a good one. */
  commitsWaiting: 50_000,
  idempotencyKeyChars: 128,
  /** After this a repeated request acts anew; the same day covers every honest retry. */
  idempotencyKeepMs: 24 * 3_600_000,
  /** Refusals of callers who proved nothing that are recorded one by one in a minute; the rest are told as one (I-48). */
  strangerRecordsPerMinute: 120,
  /** Requests of one connection whose answers are not sent yet; nobody in earnest sends more ahead (RFC 9112, §9.3.2). */
  requestsAhead: 8,
  ticketMs: 30_000,
  signInLinkMs: 10 * 60_000,
  sessionMs: 12 * 3_600_000,
  sessionsPerUser: 50,
  tokensPerUser: 100,
  watchesPerPrincipal: 64,
  consolesPerMachine: 16,
  vcpusPerMachine: 288,
  memoryMibPerMachine: 12 * 1024 * 1024,
  diskGibPerVolume: 65_536,
  disksPerMachine: 24,
  /** Disks and host ports that a guest may still have of former wishes: once all that it can have, and some. */
  leavingPerGuest: 640,
  nicsPerMachine: 8,
  forwardsPerNic: 64,
  /** Bytes of serial output that an agent keeps per guest for those who attach later. */
  serialKeepBytes: 262_144,
  /** One upload. Larger disks exist, but not as one upload without resuming. */
  uploadBytes: 2 ** 44,
  eventsKept: 100_000,
  /** A heartbeat late by this much makes a host silent: five were missed. */
  heartbeatMs: 2_000,
  hostSilentMs: 10_000,
  /** Memory that a host keeps for itself. */
  hostReserveMib: 512,
  /** Virtual CPUs that one host thread may carry; the bound that vSphere documents. */
  vcpusPerHostCpu: 32,
  /** Memory that QEMU takes beside the guest's own, TCG code cache included. */
  guestOverheadMib: 96,
  /** One QMP message; the largest that we ask for is under 4 KiB, and QEMU may be in its guest's hands. */
  qmpLineBytes: 1_048_576,
  /** One QMP answer; a QEMU busy with its disks has been seen to need two seconds. */
  qmpAnswerMs: 10_000,
  /** From starting QEMU to its first word, on a loaded host. */
  spawnMs: 30_000,
  /** Between attempts to go on after the store refused a write: soon enough for people, cheap when it stays full. */
  ioRetryMs: 2_000,
  /** Serial bytes that wait for one slow viewer before it is dropped. */
  serialLagBytes: 1_048_576,
  /** Room for cached disk pages within a guest's memory bound; they can be given back at any time. */
  guestPageCacheMib: 256,
  /** Threads of a guest beside one per CPU: QEMU's disk workers number up to 64 per disk queue. */
  guestTasks: 512,
  /** QEMU's own complaints kept per guest. */
  qemuLogBytes: 65_536,
  /** A screenshot as PNG; 4K in true colour stays below. */
  screenshotBytes: 2 ** 25,
  /** TCG's cache of translated code; unset, it grows to a gibibyte per guest. */
  tcgCacheMib: 64,
  /** A chain of 200 layers was seen to open in 0.15 s; deeper ones slow every first read. */
  layersPerVolume: 128,
  /** A medium to read from; more drives than a PC ever had. */
  cdromsPerMachine: 4,
  /** How long a guest may take to let go of a disk or NIC; a busy Linux needs one second. */
  detachMs: 20_000,
  sharesPerMachine: 8,
  passthroughPerMachine: 16,
  /** Security groups of one NIC, their rules, and the addresses of one rule: AWS allows 16, 200 and one. */
  groupsPerNic: 16,
  rulesPerGroup: 256,
  addressesPerRule: 256,
  /** NICs on one network or in one group; told to hosts in one word, at worst 280 bytes each. */
  membersPerNetwork: 2048,
  /** cloud-init reads at most 16 KiB from some clouds; NoCloud takes more, a document must hold it. */
  userDataChars: 131_072,
  /** What the guest agent may say in one answer, and how long it may take for it. */
  agentAnswerBytes: 4_194_304,
  agentAnswerMs: 10_000,
  /** Output that one command in a guest may give back. */
  agentOutputBytes: 1_048_576,
  /** Packages kept for further builds of images: a Debian of ours takes 150 MiB; security updates replace most in a month. */
  packageKeepMs: 30 * 24 * 3_600_000,
  packageKeepBytes: 2 ** 32,
  /** Words of one command in a guest with all their characters, and its environment: Linux takes 2 MiB, people type less. */
  errandWords: 256,
  errandChars: 65_536,
  /** What one command in a guest is given to read: it travels as one question to the agent. */
  errandInputBytes: 1_048_576,
  /** How long a command in a guest is waited for; whoever needs longer starts it in the background. */
  errandSeconds: 600,
  /** Commands and copies at one time in one guest: each holds its input and output in the host's memory. */
  errandsPerGuest: 8,
  /** One file copied out of a guest through its agent: slow, for configuration and logs. */
  guestFileBytes: 268_435_456,
  /** A file system that is frozen for longer harms the guest; it is thawed then, whoever forgot it. */
  frozenMs: 20_000,
  /** How often figures are sampled; the finest that is kept. */
  sampleMs: 10_000,
  /** Samples that an agent keeps while nobody takes them: five minutes, a controller's restart and more. */
  samplesWaiting: 30,
  /** A sample that comes later than this has nobody waiting for it. */
  sampleLateMs: 600_000,
  /** Names of figures in one sample: 28 drives and 8 NICs with their figures, rounded up. */
  figuresPerSample: 400,
  /** Guests in one sample of a host; more than a host of 1 TiB runs. */
  guestsPerSample: 4096,
  /** All figures kept, for all machines; beyond it the oldest of the finest go. */
  metricsBytes: 2 ** 34,
  /** Room on their disk that figures leave to the store beside them. */
  metricsSpareBytes: 2 ** 28,
  /** Values in one answer about figures, the times counted as one figure. */
  metricsValues: 200_000,
  /** How long figures of what was deleted are kept: for whoever asks afterwards why. */
  metricsOfGoneMs: 7 * 86_400_000,
  /** After the wall clock jumped, nothing is dropped for its age for so long. */
  metricsJumpMs: 86_400_000,
  /** Machines in one answer for Prometheus, some 25 lines each; its scrapes end after 10 s. */
  exportedMachines: 10_000,
  /** The description within a VMDK; VMware's take under 2,000. */
  vmdkDescriptionChars: 10_240,
  /** Files of an OVA; one machine has a description, a manifest and a disk or a few dozen. */
  archiveMembers: 64,
  /** An OVF description; VMware's largest take some ten thousand. */
  ovfChars: 1_048_576,
  /** What a packed content may become, for each of its bytes: gzip makes at most 1,032. */
  unpackRatio: 2_048,
  /** A packed content may become this much whatever its ratio: an empty disk packs very well. */
  unpackAnywayBytes: 2 ** 33,
  /** A mount that takes longer is tried again later; a server that is there answers within a second. */
  mountMs: 20_000,
  /** A datastore on a server that leaves a short work unanswered for so long is taken to be away. */
  apartAnswerMs: 15_000,
  /** One command of LVM: usually 50 ms, seconds when many wait for its lock. */
  lvmMs: 60_000,
  /** How long what has come of an upload or download waits for the rest. */
  landingKeepMs: 24 * 3_600_000,
  /** Between two marks of how far a landing is safe on the disk. */
  landingMarkBytes: 2 ** 26,
  /** Redirects that one download follows; browsers follow 20, image servers need two. */
  redirects: 5,
  /** A server that says nothing for so long has gone. */
  fetchSilenceMs: 60_000,
  /** Attempts that go on with a download where the last broke off. */
  fetchAttempts: 8,
  /** A SHA256SUMS file; the longest of a distribution takes 60 KiB. */
  checksumFileBytes: 1_048_576,
  /** Addresses of one host, IPv4 and IPv6; a router of many networks has some dozen. */
  addressesPerHost: 64,
  /** Troubles of networks that one host tells of; each network has two at most. */
  troublesPerHost: 128,
  /** Addresses of the pool that guests are kept from: four of each of 512 hosts, 80 KiB in what a host is told. */
  guardedAddresses: 2_048,
  /** Exports at one time on one host: each may write a copy as large as the disk. */
  exportsPerHost: 2,
} as const
