"""What would this configuration do?"""
