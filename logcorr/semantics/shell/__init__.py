"""What would this shell script do?"""
