import Foundation

/// The limits that the system puts on this process.
public enum ProcessLimits {
  /// Every command takes at least this many descriptors and bytes, with the libraries that it links.
  private static let descriptors = 32
  private static let addressSpaceBytes: UInt64 = 400_000_000
  /// A large run takes this many descriptors; ``lack()`` asks for them where the hard limit allows it.
  private static let wantedDescriptors: rlim_t = 4096

  /// Raises the soft limit of descriptors to 4096, as far as the hard limit allows, and checks that the process can start: at least 32
  /// descriptors and 400 MB of address space. The command calls it once, before any other work.
  ///
  /// - Returns: the message for the user, with a remedy; nil where the limits are high enough.
  public static func lack() -> String? {
    let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    if getrlimit(kind, &limit) == 0, limit.rlim_cur < wantedDescriptors, limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = min(limit.rlim_max, wantedDescriptors)
      setrlimit(kind, &limit)
    }
    if !hasRoom() { return "this process may open too few files; raise the limit (ulimit -n 1024), then try again" }
    if let most = addressSpace, most < addressSpaceBytes {
      return "this process may have \(most / 1_000_000) MB of address space, and needs \(addressSpaceBytes / 1_000_000) at least; "
        + addressSpaceRemedy
    }
    return nil
  }

  /// The advice for a user whose process was refused memory; it follows the failure in a message.
  public static let addressSpaceRemedy = "raise the limit (ulimit -v unlimited; limits.memory bounds what Sluice takes), then try again"

  /// The limit of address space in bytes (RLIMIT_AS); nil where there is no limit.
  public static var addressSpace: UInt64? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur != rlim_t.max else { return nil }
    return UInt64(limit.rlim_cur)
  }

  /// Whether the process can open no further descriptor, by its own limit (EMFILE) or the system's (ENFILE). It tries to open one. Callers
  /// ask here where a library hides errno.
  public static var areDescriptorsUsedUp: Bool {
    let one = open("/dev/null", O_RDONLY | O_CLOEXEC)
    let code = errno
    if one >= 0 { close(one) }
    return one < 0 && (code == EMFILE || code == ENFILE)
  }

  /// Whether the process can have ``descriptors`` in all. Descriptors that the parent left open take room as well.
  private static func hasRoom() -> Bool {
    var had: [Int32] = []
    defer { for descriptor in had { close(descriptor) } }
    // The standard streams are of the number.
    while had.count < descriptors - 3 {
      let one = open("/dev/null", O_RDONLY | O_CLOEXEC)
      guard one >= 0 else { return errno != EMFILE && errno != ENFILE }
      had.append(one)
    }
    return true
  }
}
