import Foundation

/// The limits that the system puts on this process.
public enum ProcessLimits {
  /// What every command takes, with all that it links.
  private static let descriptors = 32
  private static let addressSpaceBytes: UInt64 = 400_000_000
  /// What a large run takes; asked for, where it may be had.
  private static let wantedDescriptors: rlim_t = 4096

  /// Takes as many descriptors as may be had, and says what there is too little of; nil where there is enough to begin.
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

  /// What to do where memory was refused.
  public static let addressSpaceRemedy = "raise the limit (ulimit -v unlimited; limits.memory bounds what Sluice takes), then try again"

  /// The bytes of address space that the process may have; nil where nothing limits them.
  public static var addressSpace: UInt64? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur != rlim_t.max else { return nil }
    return UInt64(limit.rlim_cur)
  }

  /// Whether not one more descriptor can be had.
  public static var areDescriptorsUsedUp: Bool {
    let one = open("/dev/null", O_RDONLY | O_CLOEXEC)
    let code = errno
    if one >= 0 { close(one) }
    return one < 0 && (code == EMFILE || code == ENFILE)
  }

  /// Whether so many descriptors can be had; those that whoever started the process left open count too.
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
