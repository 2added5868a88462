"""Bytes, integers and groups: keys, envelopes, Merkle trees and pseudonyms.

Knows standards and nothing of people, files, clocks, logs or messages; imports no other
package of this project.
"""
