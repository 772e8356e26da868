import Foundation

/// Matches a path against a pattern, both taken apart into the names between the slashes.
package enum PathGlob {
  /// Whether the steps of a pattern match all names of a path. A step is for one name, by glob(7); `**` is for any number of names, and at
  /// the end for one at least: for what lies below.
  ///
  /// - Parameter flags: the flags of fnmatch(3) for each step.
  package static func matches(_ steps: [String], _ names: [String], flags: Int32) -> Bool {
    var (step, name) = (0, 0)
    // Where the last ** stands, and the first name behind what it takes. To give those before it more would change nothing.
    var last: (step: Int, name: Int)?
    while name < names.count {
      if step < steps.count, steps[step] == "**" {
        last = (step, name)
        step += 1
      } else if step < steps.count, FileName.withBytes(names[name], { fnmatch(steps[step], $0, flags) == 0 }) {
        step += 1
        name += 1
      } else if let taken = last {
        last = (taken.step, taken.name + 1)
        (step, name) = (taken.step + 1, taken.name + 1)
      } else {
        return false
      }
    }
    return step == steps.count
  }
}
